"""Writes changed rows in few statements."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Model

_SAME_VALUES_AT_MOST = 8


def update(model: type[Model], touched: Mapping[Model, set[str]], rows: Sequence[Model]) -> None:
    """Write the touched ones of these rows: one statement for all rows that get the same values."""
    by_columns: dict[tuple[str, ...], dict[tuple[Any, ...], list[Model]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row in touched:
            names = tuple(sorted(touched[row]))
            by_columns[names][tuple(getattr(row, name) for name in names)].append(row)
    for names, groups in by_columns.items():
        if len(groups) > _SAME_VALUES_AT_MOST:
            several = [row for group in groups.values() for row in group]
            model._default_manager.bulk_update(several, names, batch_size=100)
            continue
        for values, alike in groups.items():
            same = model._default_manager.filter(pk__in=[row.pk for row in alike])
            same.update(**dict(zip(names, values, strict=True)))
