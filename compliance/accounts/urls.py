"""Addresses of the first page, of people and of organisations."""

from __future__ import annotations

from django.urls import path

from compliance.accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.home, name="home"),
    path("language/", views.language, name="language"),
    path("me/", views.profile, name="profile"),
    path("me/personal/", views.personal, name="personal"),
    path("organisations/switch/", views.switch, name="switch"),
    path("organisations/<uuid:pk>/", views.organisation, name="organisation"),
    path("organisations/<uuid:pk>/members/", views.add_member, name="add_member"),
    path(
        "organisations/<uuid:pk>/members/<int:membership_pk>/remove/",
        views.remove_member,
        name="remove_member",
    ),
]
