from django.urls import path

from compliance.inspection import views

app_name = "inspection"
urlpatterns = [
    path("", views.verify, name="verify"),
    path("<uuid:pk>/", views.result, name="result"),
]
