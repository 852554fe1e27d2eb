"""The public question."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class InspectionForm(forms.Form):
    """Any file; whether it can be examined is found out, not guessed from its name."""

    file = forms.FileField(label=_("File"), allow_empty_file=True)
