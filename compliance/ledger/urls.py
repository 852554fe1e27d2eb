from __future__ import annotations

from django.urls import path

from compliance.ledger import views

app_name = "ledger"

urlpatterns = [
    path("", views.home, name="home"),
    path("checkpoint", views.checkpoint, name="checkpoint"),
    path("key", views.key, name="key"),
    path("consistency/<int:old>/<int:new>", views.consistency, name="consistency"),
    path("entries/<int:index>/", views.entry, name="entry"),
    path("entries/<int:index>/proof", views.proof, name="proof"),
]
