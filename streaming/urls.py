from django.urls import path

from streaming import views

app_name = "rooms"
urlpatterns = [
    path("studio/rooms/", views.rooms, name="list"),
    path("studio/rooms/new/", views.room_new, name="new"),
    path("studio/rooms/<uuid:pk>/", views.room, name="room"),
    path("studio/rooms/<uuid:pk>/<slug:verb>/", views.room_act, name="act"),
    path("live/<uuid:pk>/", views.watch, name="watch"),
    path("live/<uuid:pk>/state.json", views.watch_state, name="watch-state"),
    path("live/<uuid:pk>/comments/", views.comment, name="comment"),
    path("live/<uuid:pk>/media/<path:path>", views.media, name="media"),
]
