'''Rows with a version and a history, with the same rules in the API and in the back office.

`models` has the base classes, `actions` the writes, `views`, `filters` and `schema` the endpoints, and
`admin` the pages of the back office. Contacts, process templates, document profiles and attributes, and
email templates are built on it. A resource consists of a model, a serializer, a viewset and an admin:

    class LabelSerializer(serializers.Serializer):  # the API fields; `source` names the column
        id = Text(read_only=True)
        createdAt = Moment(source="created_at", read_only=True)
        name = Text(max_length=100)
        colorCode = Text(source="color", max_length=7)
        owner = Text(max_length=255)
        group = Text(max_length=255)
        scope = Choice(Scope)

    class Label(OwnedModel):  # VersionedModel, plus owner, group, scope and the rules about them
        serializer_class = LabelSerializer
        DEFAULTS = {"color": "#ffffff", "scope": "PERSONAL"}  # the columns for which a null means a default
        DUPLICATE = "A label with this name already exists."  # the 409 if a database constraint is violated
        AUDITED = True  # every change leaves an audit event, not only those made by administrators

        name = models.CharField(max_length=100, unique=True)
        color = models.CharField(max_length=7, default="#ffffff")
        name_plain = models.TextField(default="", editable=False)

        @classmethod
        def validate_change(cls, body, *, actor, before=None):
            """Like `Model.clean`, but returns the columns to write, and raises `Invalid`."""
            changed = cls.changed_columns(body, before)
            changed, faults = validate_ownership(changed, actor=actor, before=before)
            if (before is None or "name" in changed) and not changed.get("name"):
                faults.append(Fault("A label must have a name.", code="required", pointer="#/name"))
            if faults:
                raise Invalid(faults=faults)
            return changed

        def search_columns(self):
            """The columns derived from others on every write, for searching."""
            return {"name_plain": plain(self.name)}

        def require_deletable(self):
            """Raises a `DomainError` if other rows need this one."""

    class LabelViewSet(VersionedViewSet):  # list, retrieve, create, update, destroy
        model = Label
        shape = LabelSerializer
        filters = LabelFilter  # a NamedFilter or OwnedFilter with more parameters
        sorts = {"name": "name_plain", "createdAt": "created_at"}  # the column of each sort field
        default_sort = "name,asc"
        address = "label"  # the name of the URL of one row, for Location

        # Optional: made(body) and changed(row, body) call another action than `create` and `replace`,
        # represent(rows) adds to the JSON, and remarks(row) returns warnings. `weight` bounds pages of large rows.

    @admin.register(Label)
    class LabelAdmin(VersionedAdmin):  # only lists the fields; `seen_version` detects concurrent edits
        fields = ("name", "color", "scope", "owner", "group", "seen_version")

A `VersionedModel` without an owner defines its permissions itself: `require_changeable(actor)` for one row,
`require_creatable(actor)` for new ones, and `visibility(actor)`, the `Q` of the rows that a caller may see.
A model whose change touches several rows overrides `lock_all_writers()`, which runs before every write.
'''
