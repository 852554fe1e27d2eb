from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('avatars', '0003_capture_and_preview'),
    ]

    operations = [
        migrations.AddField(
            model_name='avatar',
            name='bars',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='avatar',
            name='comparison',
            field=models.JSONField(default=dict),
        ),
    ]
