"""Users and groups of this machine."""

from __future__ import annotations

import grp
import os
import pwd
from typing import Final

from circus_core.errors import MessageError, SpawnError
from circus_core.spawner import Credentials

_HIGHEST_ID: Final = 2**32 - 2  # the one above means "leave it as it is" to the system


def find_user(user: str | int) -> pwd.struct_passwd | int:
    """Return the account of *user*, or its bare number when no account has it.

    :raises ValueError: no user has this name
    """
    number = _number(user)
    try:
        return pwd.getpwnam(str(user).strip()) if number is None else pwd.getpwuid(number)
    except KeyError:
        if number is not None:
            return number
        raise ValueError(f"no user of this machine is named {user!r}") from None


def _number(name: str | int) -> int | None:
    """Return the number that *name* is written as, ``None`` when it is a name."""
    if isinstance(name, str) and not name.strip().isdecimal():
        return None
    if not 0 <= int(name) <= _HIGHEST_ID:
        raise ValueError(f"{name} is not from 0 to {_HIGHEST_ID}")
    return int(name)


def find_group(group: str | int) -> int:
    """Return the number of *group*.

    :raises ValueError: no group has this name
    """
    number = _number(group)
    try:
        return grp.getgrnam(str(group).strip()).gr_gid if number is None else number
    except KeyError:
        raise ValueError(f"no group of this machine is named {group!r}") from None


def user_number(user: str | int | None) -> int | None:
    """Return the number of *user*, ``None`` for none.

    :raises MessageError: no user has this name
    """
    if user is None:
        return None
    try:
        account = find_user(user)
    except ValueError as exc:
        raise MessageError(f"'uid': {exc}; write the name or number of one that exists") from None
    return account if isinstance(account, int) else account.pw_uid


def group_number(group: str | int | None) -> int | None:
    """Return the number of *group*, ``None`` for none.

    :raises MessageError: no group has this name
    """
    try:
        return None if group is None else find_group(group)
    except ValueError as exc:
        raise MessageError(f"'gid': {exc}; write the name or number of one that exists") from None


def resolve_credentials(uid: str | int | None, gid: str | int | None) -> Credentials | None:
    """Return who a child runs as: a user with all groups of its own, ``None`` when neither is given.

    :raises SpawnError: there is no such user or group
    """
    if uid is None and gid is None:
        return None
    try:
        group = None if gid is None else find_group(gid)
        account = None if uid is None else find_user(uid)
    except ValueError as exc:
        raise SpawnError(f"{exc}; create it, or write another uid or gid") from exc
    if account is None:
        return Credentials(gid=group)
    if isinstance(account, int):
        return Credentials(uid=account, gid=group, groups=() if group is None else (group,))
    group = account.pw_gid if group is None else group
    return Credentials(uid=account.pw_uid, gid=group, groups=tuple(os.getgrouplist(account.pw_name, group)))
