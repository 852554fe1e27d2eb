from django.urls import path

from avatars import views

app_name = "studio"
urlpatterns = [
    path("", views.home, name="home"),
    path("avatars/new/", views.avatar_new, name="avatar-new"),
    path("presenter.mp4", views.demo_clip, name="demo-clip"),
    path("avatars/<uuid:pk>/still.jpg", views.avatar_poster, name="avatar-poster"),
    path("avatars/<uuid:pk>/retry/", views.avatar_retry, name="avatar-retry"),
    path("avatars/<uuid:pk>/", views.avatar, name="avatar"),
    path("scripts/new/", views.script_new, name="script-new"),
    path("scripts/<uuid:pk>/", views.script, name="script"),
    path("scripts/<uuid:pk>/next/", views.script_new, name="script-next"),
    path("takes/new/", views.take_new, name="take-new"),
    path("takes/<uuid:pk>/", views.take, name="take"),
    path("takes/<uuid:pk>/cancel/", views.take_cancel, name="take-cancel"),
    path("takes/<uuid:pk>/retry/", views.take_retry, name="take-retry"),
]
