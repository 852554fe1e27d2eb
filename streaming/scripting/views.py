"""The catalogue of product facts."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from avatars.selectors import STUDIO_ROLES
from compliance.accounts.access import active_membership, active_organisation, role_required, signed_in
from compliance.accounts.models import Role
from compliance.accounts.selectors import has_role
from compliance.errors import AvowError
from streaming.scripting import selectors, services
from streaming.scripting.catalogue_forms import CatalogueForm, ImportForm, with_one_more
from streaming.scripting.models import Product, ProductVersion

studio = role_required(*STUDIO_ROLES)
producer = role_required(Role.PRODUCER)


@require_GET
@studio
def products(request: HttpRequest) -> HttpResponse:
    """Every product with its newest facts."""
    found = selectors.products_for(signed_in(request))
    rows = [(product, product.current) for product in found[:200]]
    context = {
        "rows": [(product, version, version.facts()) for product, version in rows],
        "may_produce": active_membership(request, Role.PRODUCER) is not None,
    }
    return render(request, "scripting/products.html", context)


@require_GET
@studio
def product(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One version of a product's facts, the newest unless `?version=` names another."""
    user = signed_in(request)
    found = get_object_or_404(selectors.products_for(user), pk=pk)
    version = _version(request, found)
    context = {
        "product": found,
        "version": version,
        "facts": version.facts(),
        "newest": found.current,
        "versions": found.versions.select_related("created_by"),
        "may_produce": has_role(user, found.organisation, Role.PRODUCER),
    }
    return render(request, "scripting/product.html", context)


def _version(request: HttpRequest, found: Product) -> ProductVersion:
    number = request.GET.get("version", "")
    return get_object_or_404(found.versions, number=int(number)) if number.isdecimal() else found.current


@require_GET
@studio
def product_export(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One version as the JSON whose SHA-256 is its digest."""
    found = get_object_or_404(selectors.products_for(signed_in(request)), pk=pk)
    version = _version(request, found)
    response = HttpResponse(version.document, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{found.key}-v{version.number}.json"'
    return response


@require_http_methods(["GET", "POST"])
@producer
def product_new(request: HttpRequest) -> HttpResponse:
    """Describe a product."""
    return _edit(request, None)


@require_http_methods(["GET", "POST"])
@producer
def product_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Change what may be said of a product; that makes a new version."""
    found = selectors.products_for(signed_in(request), Role.PRODUCER)
    return _edit(request, get_object_or_404(found, pk=pk))


def _edit(request: HttpRequest, found: Product | None) -> HttpResponse:
    data = request.POST or None
    if data is not None and (part := {"more-facts": "facts", "more-faq": "faq"}.get(data.get("do", ""))):
        form = CatalogueForm(with_one_more(data, part), facts=found.current.facts() if found else None)
        return _form_page(request, found, form)
    form = CatalogueForm(data, facts=found.current.facts() if found else None)
    if data is not None and form.is_valid():
        organisation = found.organisation if found else active_organisation(request, Role.PRODUCER)
        try:
            version = services.save_product(
                organisation=organisation, by=signed_in(request), facts=form.facts, product=found
            )
        except AvowError as error:
            form.product.add_error("key", error.text)
        else:
            return redirect("scripting:product", version.product_id)
    return _form_page(request, found, form, status=422 if form.has_errors else 200)


def _form_page(request: HttpRequest, found: Product | None, form: CatalogueForm, status: int = 200) -> HttpResponse:
    context = {"form": form.product, "statements": form.statements, "faq": form.faq, "product": found}
    return render(request, "scripting/product_form.html", context, status=status)


@require_http_methods(["GET", "POST"])
@producer
def product_import(request: HttpRequest) -> HttpResponse:
    """Take products over as JSON."""
    form = ImportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        organisation = active_organisation(request, Role.PRODUCER)
        try:
            versions = services.import_products(
                organisation=organisation, by=signed_in(request), products=form.cleaned_data["document"]
            )
        except AvowError as error:
            form.add_error("document", error.text)
        else:
            messages.success(request, _("Products taken over: %(count)d.") % {"count": len(versions)})
            return redirect("scripting:products")
    return render(request, "scripting/product_import.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@producer
def product_retire(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a product out of the choices, or put it back."""
    found = get_object_or_404(selectors.products_for(signed_in(request), Role.PRODUCER), pk=pk)
    services.retire_product(product=found, retired=found.retired_at is None)
    return redirect(reverse("scripting:product", args=[pk]))
