from django.urls import path

from avatars import capture_views, recording_views, views

app_name = "studio"
urlpatterns = [
    path("", views.home, name="home"),
    path("avatars/new/", views.avatar_new, name="avatar-new"),
    path("avatars/record/<uuid:pk>/", capture_views.record, name="avatar-record"),
    path("avatars/<uuid:pk>/preview.mp4", views.avatar_preview, name="avatar-preview"),
    path("avatars/<uuid:pk>/findings/<int:number>.jpg", views.avatar_finding, name="avatar-finding"),
    path("avatars/<uuid:pk>/comparison/<int:number>.jpg", views.avatar_comparison, name="avatar-comparison"),
    path("avatars/<uuid:pk>/pause/", views.avatar_pause, name="avatar-pause"),
    path("avatars/<uuid:pk>/refine/", views.avatar_refine, name="avatar-refine"),
    path("avatars/<uuid:pk>/resume/", views.avatar_resume, name="avatar-resume"),
    path("presenter.mp4", views.demo_clip, name="demo-clip"),
    path("avatars/<uuid:pk>/still.jpg", views.avatar_poster, name="avatar-poster"),
    path("avatars/<uuid:pk>/retry/", views.avatar_retry, name="avatar-retry"),
    path("avatars/<uuid:pk>/", views.avatar, name="avatar"),
    path("scripts/new/", views.script_new, name="script-new"),
    path("scripts/<uuid:pk>/", views.script, name="script"),
    path("scripts/<uuid:pk>/next/", views.script_new, name="script-next"),
    path("scripts/<uuid:pk>/recordings/", recording_views.recording_list, name="script-recordings"),
    path("scripts/<uuid:pk>/recordings/new/", recording_views.recording_new, name="recording-new"),
    path("recordings/<uuid:pk>.wav", recording_views.recording_sound, name="recording-sound"),
    path("takes/new/", views.take_new, name="take-new"),
    path("takes/<uuid:pk>/", views.take, name="take"),
    path("takes/<uuid:pk>/cancel/", views.take_cancel, name="take-cancel"),
    path("takes/<uuid:pk>/retry/", views.take_retry, name="take-retry"),
]
