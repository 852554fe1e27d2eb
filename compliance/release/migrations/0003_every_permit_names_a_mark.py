import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Apart from filling the column: PostgreSQL alters no table that has pending changes of its rows."""

    dependencies = [("release", "0002_live_slices")]

    operations = [
        migrations.AlterField(
            model_name="permit",
            name="mark",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="permits", to="release.mark"
            ),
        ),
    ]
