from django.urls import include, path

from streaming import views
from streaming.sending import views as sending
from streaming.webhooks import views as webhooks
from streaming.webhooks.api import RoomCommentsView

pages = [
    path("studio/rooms/", views.rooms, name="list"),
    path("studio/rooms/new/", views.room_new, name="new"),
    path("studio/rooms/<uuid:pk>/", views.room, name="room"),
    path("studio/rooms/<uuid:pk>/outputs/", sending.output_add, name="output-add"),
    path("studio/rooms/<uuid:pk>/outputs/<uuid:output_pk>/remove/", sending.output_remove, name="output-remove"),
    path("studio/rooms/<uuid:pk>/webhook/secret/", webhooks.webhook_secret, name="webhook-secret"),
    path("studio/rooms/<uuid:pk>/webhook/end/", webhooks.webhook_end, name="webhook-end"),
    path("studio/rooms/<uuid:pk>/<slug:verb>/", views.room_act, name="act"),
    path("live/", views.demonstration, name="demonstration"),
    path("live/again/", views.demonstration_again, name="demonstration-again"),
    path("live/<uuid:pk>/", views.watch, name="watch"),
    path("live/<uuid:pk>/state.json", views.watch_state, name="watch-state"),
    path("live/<uuid:pk>/comments/", views.comment, name="comment"),
    path("live/<uuid:pk>/media/<path:path>", views.media, name="media"),
]
urlpatterns = [
    path("", include((pages, "rooms"))),
    path("api/v1/rooms/<uuid:pk>/comments", RoomCommentsView.as_view(), name="api-room-comments"),
]
