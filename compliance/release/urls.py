from django.urls import path

from compliance.release import views

app_name = "release"
urlpatterns = [
    path("", views.index, name="list"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/media.mp4", views.media, name="media"),
]
