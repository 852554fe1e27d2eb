from django.urls import path

from streaming.archive import views

app_name = "archive"
urlpatterns = [
    path("studio/rooms/archive/", views.archives, name="list"),
    path("studio/rooms/<uuid:pk>/archive/", views.archive, name="archive"),
    path("studio/rooms/<uuid:pk>/archive/hold/", views.hold, name="hold"),
    path("studio/rooms/<uuid:pk>/archive/lift/", views.lift, name="lift"),
    path("studio/rooms/<uuid:pk>/archive/archive.json", views.as_json, name="json"),
    path("studio/rooms/<uuid:pk>/archive/archive.zip", views.as_zip, name="zip"),
    path("studio/rooms/archive/<uuid:part_pk>.mp4", views.film, name="film"),
    path("studio/statement/", views.statement, name="statement"),
    path("studio/statement.csv", views.statement_csv, name="statement-csv"),
]
