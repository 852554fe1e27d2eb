"""The studio's forms: they read input and know no rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from avatars.models import Avatar, AvatarState, Recording, RecordingSource, Script
from avatars.selectors import avatars_for, recordings_for, scripts_for, usable_grants_for
from avatars.services import FORMATS
from avatars.speech import LANGUAGES
from compliance.accounts.models import Role, User
from compliance.consent import vocab
from compliance.consent.models import Grant
from compliance.disclosure import selectors as rules
from compliance.release.services import Campaign

COUNTRY_CODE_LENGTH = 2
CHANNELS = [
    ("live_commerce", _("Livestream shop")),
    ("ad", _("Advertisement")),
    ("vod", _("Video on demand")),
]
PICTURES = {"landscape": _("Landscape, 1280 × 720"), "portrait": _("Portrait, 720 × 1280")}
LANGUAGE_NAMES = {"zh": _("Mandarin"), "en": _("English")}


def market_choices() -> list[tuple[str, str]]:
    """Markets whose rules Avow carries, named in the reader's language; a consent is given by country."""
    named = rules.markets(get_language() or "en")
    return [(code, name) for code, name in named if len(code) == COUNTRY_CODE_LENGTH]


class AvatarForm(forms.Form):
    """A clip of a consenting person."""

    grant = forms.ModelChoiceField(Grant.objects.none(), label=_("Consent"), empty_label=None)
    name = forms.CharField(label=_("Name of the avatar"), max_length=120)
    clip = forms.FileField(
        label=_("Clip"),
        allow_empty_file=True,  # an empty file gets a refusal with a code, like every other bad clip
        help_text=_("MP4, MOV or WebM, 10 seconds to 10 minutes: one person, facing the camera, speaking."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["grant"].queryset = usable_grants_for(user)  # type: ignore[attr-defined]


class ScriptForm(forms.Form):
    """Words to be spoken."""

    title = forms.CharField(label=_("Title"), max_length=120)
    language = forms.ChoiceField(
        label=_("Language"), choices=[(code, LANGUAGE_NAMES.get(code, code)) for code in LANGUAGES]
    )
    text = forms.CharField(
        label=_("Text"),
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_("What the double will say, word for word. Brand legal reads exactly this."),
    )


class ShowingForm(forms.Form):
    """Whose double is shown, for what, where: what every order asks."""

    avatar = forms.ModelChoiceField(Avatar.objects.none(), label=_("Avatar"), empty_label=None)
    picture = forms.ChoiceField(label=_("Picture"), choices=[(name, PICTURES[name]) for name in FORMATS])
    channel = forms.ChoiceField(label=_("Channel"), choices=CHANNELS)
    product_category = forms.ChoiceField(label=_("Product category"), choices=list(vocab.PRODUCT_CATEGORIES.items()))
    purpose = forms.ChoiceField(label=_("Purpose"), choices=list(vocab.PURPOSES.items()))
    platform = forms.ChoiceField(label=_("Platform"), choices=list(vocab.PLATFORMS.items()))
    markets = forms.MultipleChoiceField(
        label=_("Markets"),
        choices=market_choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Everywhere it will be shown. The law of each market decides what it must carry."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ready = avatars_for(user, Role.PRODUCER).filter(state=AvatarState.READY)
        self.fields["avatar"].queryset = ready  # type: ignore[attr-defined]

    def campaign(self, *, language: str, **more: Any) -> Campaign:
        """What was entered, as the gate and brand legal know it. `more`: further fields of `Campaign`."""
        data, organisation = self.cleaned_data, self.cleaned_data["avatar"].organisation
        return Campaign(
            brand_id=str(organisation.pk),
            brand_name=organisation.name,
            product_category=data["product_category"],
            purpose=data["purpose"],
            platform=data["platform"],
            markets=tuple(data["markets"]),
            language=language,
            channel=data["channel"],
            **more,
        )


class RecordingForm(forms.Form):
    """A script spoken by the person."""

    avatar = forms.ModelChoiceField(Avatar.objects.none(), label=_("Avatar of the person who speaks"), empty_label=None)
    source = forms.ChoiceField(
        label=_("What is heard"),
        choices=RecordingSource.choices,
        widget=forms.RadioSelect,
        initial=RecordingSource.UPLOAD,
    )
    sound = forms.FileField(
        label=_("The person's recording"),
        required=False,
        allow_empty_file=True,  # an empty file gets a refusal with a code, like every other bad one
        help_text=_("WAV, M4A, MP3, FLAC, Ogg or WebM: the whole script, nothing before or after, no music."),
    )
    own_voice = forms.BooleanField(label=_("It is this person who speaks, and no copy of their voice."))

    def __init__(self, *args: Any, user: User, script: Script, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ready = avatars_for(user).filter(state=AvatarState.READY, organisation=script.organisation)
        self.fields["avatar"].queryset = ready  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("source") == RecordingSource.UPLOAD and data.get("sound") is None and "sound" not in self.errors:
            self.add_error("sound", _("Please choose the recording."))
        return data

    def wish(self) -> dict[str, Any]:
        """What was entered, as `recordings.add_recording` takes it."""
        avatar, sound = self.cleaned_data["avatar"], self.cleaned_data["sound"]
        if self.cleaned_data["source"] == RecordingSource.FOOTAGE:
            return {"avatar": avatar}
        return {"avatar": avatar, "upload": sound, "upload_name": sound.name or "", "upload_size": sound.size or 0}


class TakeForm(ShowingForm):
    """What the double says, as one video."""

    script = forms.ModelChoiceField(Script.objects.none(), label=_("Script"), empty_label=None)
    recording = forms.ModelChoiceField(
        Recording.objects.none(),
        label=_("Voice"),
        required=False,
        empty_label=_("A synthetic voice"),
        help_text=_("Recordings are added on the page of their script."),
    )
    field_order = ("avatar", "script", "recording")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.fields["script"].queryset = scripts_for(user, Role.PRODUCER).filter(next__isnull=True)  # type: ignore[attr-defined]
        spoken = recordings_for(user).filter(script__next__isnull=True)
        self.fields["recording"].queryset = spoken  # type: ignore[attr-defined]
