"""Forms of people and organisations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from compliance.accounts.models import Organisation, Role, User
from compliance.accounts.provider_code import LENGTH, check_provider_code
from compliance.accounts.services import ROLES_OF_KIND
from compliance.errors import BadInput


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """What a person may change about themselves."""

    class Meta:
        model = User
        fields = ("display_name", "language")
        help_texts = {  # noqa: RUF012 - Django reads it from Meta as it is
            "display_name": _(
                "Shown to the people you work with. It is never written into the public ledger."
            ),
            "language": _("Of pages and e-mails."),
        }


class OrganisationForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Name and provider code of an organisation."""

    class Meta:
        model = Organisation
        fields = ("name", "provider_code")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["provider_code"].widget.attrs |= {
            "maxlength": LENGTH,
            "spellcheck": "false",
            "autocomplete": "off",
        }
        self.fields["provider_code"].help_text = _(
            "27 digits and capitals after the TC260 practice guide: 0011, your unified social credit code, "
            "1 for generation, then four characters of your own (0000 if unused). Without it nothing is "
            "released for China."
        )

    def clean_provider_code(self) -> str:
        code: str = self.cleaned_data["provider_code"].strip().upper()
        if code:
            try:
                check_provider_code(code)
            except BadInput as error:
                raise forms.ValidationError(error.text, code=error.code) from error
        return code


class MemberForm(forms.Form):
    """Give a person a role in an organisation."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    display_name = forms.CharField(
        label=_("Name"),
        max_length=120,
        required=False,
        help_text=_("Only used if the person has no account yet."),
    )
    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = ROLES_OF_KIND[organisation.kind]
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]

    def clean_role(self) -> Role:
        return Role(self.cleaned_data["role"])
