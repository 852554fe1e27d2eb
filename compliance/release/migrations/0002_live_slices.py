import django.db.models.deletion
from django.db import migrations, models


def mark_of_each_permit(apps, schema_editor):
    """Until now a take had one mark, so every permit of it named that one."""
    Permit = apps.get_model("release", "Permit")
    Mark = apps.get_model("release", "Mark")
    first = Mark.objects.filter(take=models.OuterRef("take")).values("pk")[:1]
    Permit.objects.update(mark=models.Subquery(first))


class Migration(migrations.Migration):
    dependencies = [("release", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="mark",
            name="take",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="marks", to="release.take"
            ),
        ),
        migrations.AddField(model_name="mark", name="slice", field=models.PositiveIntegerField(default=0)),
        migrations.AddConstraint(
            model_name="mark",
            constraint=models.UniqueConstraint(fields=("take", "slice"), name="mark_one_per_slice"),
        ),
        migrations.AddField(
            model_name="permit",
            name="mark",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="permits",
                to="release.mark",
            ),
        ),
        migrations.RunPython(mark_of_each_permit, migrations.RunPython.noop),
    ]
