from django.urls import path

from compliance.audit import views

app_name = "audit"
urlpatterns = [
    path("", views.home, name="home"),
    path("releases/<uuid:pk>/", views.detail, name="detail"),
    path("releases/<uuid:pk>/media.mp4", views.media, name="media"),
    path("releases/<uuid:pk>/evidence.zip", views.bundle, name="bundle"),
]
