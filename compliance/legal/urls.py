from django.urls import path

from compliance.legal import views

app_name = "legal"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("reviews/<uuid:pk>/", views.review, name="review"),
    path("quarantine/", views.quarantine, name="quarantine"),
    path("takedowns/", views.takedowns, name="takedowns"),
]
