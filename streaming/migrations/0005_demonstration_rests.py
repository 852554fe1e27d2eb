from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('streaming', '0004_why_the_host_is_not_seen'),
    ]

    operations = [
        migrations.AddField(
            model_name='demonstrationroom',
            name='rests',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='demonstrationroom',
            name='watched_at',
            field=models.DateTimeField(null=True),
        ),
    ]
