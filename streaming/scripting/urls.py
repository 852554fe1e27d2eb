from django.urls import path

from streaming.scripting import desk_views, views

app_name = "scripting"
urlpatterns = [
    path("products/", views.products, name="products"),
    path("products/new/", views.product_new, name="product-new"),
    path("products/import/", views.product_import, name="product-import"),
    path("products/<uuid:pk>/", views.product, name="product"),
    path("products/<uuid:pk>/edit/", views.product_edit, name="product-edit"),
    path("products/<uuid:pk>/facts.json", views.product_export, name="product-export"),
    path("products/<uuid:pk>/retire/", views.product_retire, name="product-retire"),
    path("desk/", desk_views.draft_new, name="draft-new"),
    path("desk/<uuid:pk>/", desk_views.desk, name="desk"),
    path("desk/<uuid:pk>/check/", desk_views.desk_check, name="desk-check"),
    path("scripts/<uuid:pk>/desk/", desk_views.revise, name="revise"),
]
