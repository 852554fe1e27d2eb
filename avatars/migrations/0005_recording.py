import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('avatars', '0004_comparison'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Recording',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('source', models.CharField(choices=[('upload', 'An uploaded recording'), ('footage', 'The consented footage itself')], max_length=10)),
                ('name', models.CharField(max_length=200)),
                ('upload', models.CharField(blank=True, max_length=200)),
                ('sound', models.CharField(blank=True, max_length=200)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('source_sha256', models.CharField(max_length=64)),
                ('seconds', models.FloatField(null=True)),
                ('state', models.CharField(choices=[('checking', 'Being checked'), ('ready', 'Ready'), ('refused', 'Not usable'), ('destroyed', 'Destroyed')], default='checking', max_length=10)),
                ('problem', models.CharField(blank=True, max_length=60)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('avatar', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recordings', to='avatars.avatar')),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recordings', to='accounts.organisation')),
                ('script', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recordings', to='avatars.script')),
            ],
            options={
                'ordering': ['-created_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('state', 'ready'), _negated=True), models.Q(('sha256', ''), _negated=True), _connector='OR'), name='recording_ready_has_a_digest'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'destroyed'), _negated=True), models.Q(('sound', ''), ('upload', '')), _connector='OR'), name='recording_destroyed_holds_nothing')],
            },
        ),
    ]
