"""Roles over a subtree of areas, and what each of them allows. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mqtt.centre.registry.model import Area
from mqtt.centre.registry.tree import Registry


class OfficerRole(StrEnum):
    """What an account is in an area."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    TRACER = "tracer"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a page or an action needs."""

    VIEW = "view"
    """See areas, sites, devices, alerts and their exports."""
    OPERATE = "operate"
    """Acknowledge and mute alerts."""
    READ_AUDIT = "read-audit"
    MANAGE_ACCOUNTS = "manage-accounts"
    ENROL = "enrol"
    """Make codes for kiosks, and approve their certificates."""
    TRACE = "trace"
    """Open cases, and ask under approved ones. No role has this together with APPROVE."""
    APPROVE = "approve"
    """Approve or refuse the cases of others."""


PERMISSIONS: Mapping[OfficerRole, frozenset[Permission]] = {
    OfficerRole.VIEWER: frozenset({Permission.VIEW}),
    OfficerRole.OPERATOR: frozenset({Permission.VIEW, Permission.OPERATE}),
    OfficerRole.TRACER: frozenset({Permission.VIEW, Permission.TRACE}),
    OfficerRole.APPROVER: frozenset({Permission.VIEW, Permission.APPROVE}),
    OfficerRole.AUDITOR: frozenset({Permission.READ_AUDIT}),
    OfficerRole.ADMIN: frozenset(Permission) - {Permission.TRACE, Permission.APPROVE},
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One role over one area and all below it. `area`: number of the area."""

    role: OfficerRole
    area: int


@dataclass(frozen=True)
class Rights:
    """What an account may do today. An area that ended gives no rights: not even over the area that took it over."""

    grants: Sequence[Grant]
    registry: Registry
    day: date

    def allows(self, permission: Permission, area: Area | None) -> bool:
        """Whether the account may do that in this area. `area` None: a thing that is in no area, only for the root."""
        granted = {grant.area for grant in self.grants if permission in PERMISSIONS[grant.role]}
        if area is None:
            roots = self.registry.roots(self.day)
            return bool(roots) and all(root.number in granted for root in roots)
        return any(above.number in granted for above in self.registry.path(area, self.day))

    def has(self, permission: Permission) -> bool:
        """Whether the account may do that anywhere today."""
        return bool(self.areas(permission))

    def areas(self, permission: Permission) -> tuple[Area, ...]:
        """The topmost areas in which the account may do that."""
        granted = {grant.area for grant in self.grants if permission in PERMISSIONS[grant.role]}
        found = [area for root in self.registry.roots(self.day) for area in self.registry.subtree(root, self.day)]
        allowed = [area for area in found if area.number in granted]
        numbers = {area.number for area in allowed}
        return tuple(
            area
            for area in allowed
            if not any(above.number in numbers for above in self.registry.path(area, self.day)[:-1])
        )

    def covers(self, permission: Permission, grants: Sequence[Grant]) -> bool:
        """Whether each of these grants lies in an area where the account has the permission."""
        areas = {area.number: area for area in self.registry.rows.areas}
        return all(grant.area in areas and self.allows(permission, areas[grant.area]) for grant in grants)
