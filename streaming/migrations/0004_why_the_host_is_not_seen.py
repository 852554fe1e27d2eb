from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('streaming', '0003_doors_of_a_room'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='air',
            name='slate_text',
        ),
        migrations.AddField(
            model_name='air',
            name='slate_words',
            field=models.JSONField(default=dict),
        ),
    ]
