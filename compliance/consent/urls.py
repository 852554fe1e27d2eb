"""Pages of the streamer's own room, mounted at /consent/."""

from __future__ import annotations

from django.urls import path

from compliance.consent import views

app_name = "consent"
urlpatterns = [
    path("", views.grant_list, name="list"),
    path("give/", views.give, name="give"),
    path("give/confirm/", views.confirm, name="confirm"),
    path("<uuid:grant_id>/", views.detail, name="detail"),
    path("<uuid:grant_id>/receipt/", views.receipt, name="receipt"),
    path("<uuid:grant_id>/record/", views.full_record, name="record"),
    path("<uuid:grant_id>/effects/", views.effects, name="effects"),
    path("<uuid:grant_id>/withdraw/", views.withdraw, name="withdraw"),
    path("proposals/<uuid:request_id>/refuse/", views.refuse, name="refuse"),
    path("uses/<int:approval_id>/decide/", views.decide_use, name="decide-use"),
]
