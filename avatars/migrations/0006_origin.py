from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('avatars', '0005_recording'),
    ]

    operations = [
        migrations.AddField(
            model_name='avatar',
            name='origin',
            field=models.JSONField(default=dict),
        ),
    ]
