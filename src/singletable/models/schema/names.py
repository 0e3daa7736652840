"""Names in a class body: conversion to plain `str`, and checks for names that an attribute cannot have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from inspect import getattr_static
from typing import Any, ClassVar, get_origin

from pynamodb.attributes import Attribute, MapAttribute
from pynamodb.indexes import Index

from singletable.errors import DeclarationError
from singletable.keys.text import plain
from singletable.models.declare.strictness import inner_attributes

__all__ = [
    "OPTIONS",
    "PARAMETERS",
    "make_plain",
    "refuse_bare_annotations",
    "refuse_private",
    "refuse_uncallable_init",
    "refuse_unusable_name",
]

PARAMETERS = ("entity", "hash_key", "range_key", "self")
"""Parameters, besides the attributes, of PynamoDB's constructor and of methods that take attributes by name."""

OPTIONS = (
    "actions",
    "add_version_condition",
    "condition",
    "consistent",
    "descending",
    "filter",
    "index",
    "limit",
    "live",
    "malformed",
    "only",
    "unknown",
)
"""Options of the methods that take attributes by name."""

_ROOT = "singletable.models.table"
_ARGUMENTS_OF_INIT = ("_user_instantiated",)


def make_plain(namespace: Mapping[str, Any]) -> None:
    """Replace members of `(str, Enum)` and other instances of subclasses of `str` in a class body by plain texts.

    Args:
        namespace: The class body with its attributes, indexes and `Meta`; it is changed in place.
    """
    for name, value in namespace.items():
        if isinstance(value, Attribute):
            _make_attribute_plain(value)
        elif isinstance(value, Index):
            _make_meta_plain(value.Meta)
            for attribute in value.Meta.attributes.values():
                _make_attribute_plain(attribute)
            projection = value.Meta.projection
            if projection.non_key_attributes:
                projection.non_key_attributes = [plain(each) for each in projection.non_key_attributes]
        elif name == "Meta":
            _make_meta_plain(value)


def _make_meta_plain(meta: Any) -> None:
    for name in dir(meta):
        # A name from the environment is not read yet.
        value = getattr_static(meta, name)
        if not name.startswith("__") and isinstance(value, str) and type(value) is not str:
            setattr(meta, name, plain(value))


def _make_attribute_plain(attribute: Attribute[Any]) -> None:
    for each in (attribute, *inner_attributes(attribute)):
        # A map in a class body becomes an attribute later, with these arguments.
        arguments = vars(each).get("attribute_kwargs", {})
        if "attr_name" in arguments:
            arguments["attr_name"] = plain(arguments["attr_name"])
        path = vars(each).get("attr_path", [])
        path[:] = [plain(step) for step in path]
        if isinstance(each, MapAttribute):
            kind: Any = type(each)
            kind._dynamo_to_python_attrs = {plain(name): to for name, to in kind._dynamo_to_python_attrs.items()}


def refuse_private(entity: str, namespace: Mapping[str, Any], bases: Iterable[type]) -> None:
    """Refuse attributes and keys with a name that `Table` or PynamoDB's `Model` reserves.

    Raises:
        DeclarationError: An attribute, a key or an expiry has such a name.
    """
    from singletable.models.declare.expiry import Expiry
    from singletable.models.declare.key import Key

    declared = [name for name, value in namespace.items() if isinstance(value, (Attribute, Expiry, Key))]
    private = [name for name in declared if name.startswith("_") or name == "Meta"]
    if not private:
        return
    owners = [owner for base in bases for owner in base.__mro__]
    root = next((owner for owner in owners if owner.__module__ == _ROOT), None)
    annotated = [name for owner in getattr(root, "__mro__", ()) for name in vars(owner).get("__annotations__", ())]
    taken = {*dir(root), *annotated, *_ARGUMENTS_OF_INIT}
    for name in private:
        if name in taken:
            raise DeclarationError(
                f"{entity}: {name!r} is a name that Table reserves.",
                remedy=f"Use another name; an attribute keeps its stored name with attr_name={name!r}.",
                rule="ST110",
                entity=entity,
                attribute=name,
            )


def refuse_bare_annotations(entity: str, namespace: Mapping[str, Any], bases: Iterable[type]) -> None:
    """Refuse annotations without a value, which do not declare an attribute: `total: NumberAttribute`.

    Annotations of private names, of class variables and of inherited attributes are allowed.

    Raises:
        DeclarationError: A public name is annotated and has no value.
    """
    for name, annotation in _annotations(namespace).items():
        inherited = any(hasattr(base, name) for base in bases)
        if name in namespace or inherited or name.startswith("_") or _is_class_variable(annotation):
            continue
        raise DeclarationError(
            f"{entity}.{name} is annotated and has no value, so it is not an attribute.",
            remedy=f"Write {name} = ...Attribute(), or annotate a class variable as ClassVar.",
            rule="ST113",
            entity=entity,
            attribute=name,
        )


def _annotations(namespace: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = namespace.get("__annotations__")
    if found is not None or find_spec("annotationlib") is None:
        return found or {}
    # Python 3.14 evaluates annotations when they are read.
    lib: Any = import_module("annotationlib")
    annotate = lib.get_annotate_from_class_namespace(namespace)
    return {} if annotate is None else dict(lib.call_annotate_function(annotate, lib.Format.STRING))


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.partition("[")[0].rpartition(".")[2].strip() == "ClassVar"
    return annotation is ClassVar or get_origin(annotation) is ClassVar


def refuse_uncallable_init(entity: type[Any]) -> None:
    """Refuse an `__init__` that reading an item cannot call as PynamoDB does: `Order(_user_instantiated=False)`.

    Raises:
        DeclarationError: The signature does not allow the call, or the call raises.
    """
    if not entity._makes_instances:
        return
    try:
        entity(_user_instantiated=False)
    except NameError:
        # `__init__` uses a name that its module defines later.
        return
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    else:
        return
    raise DeclarationError(
        f"{entity.__name__}.__init__ cannot be called as {entity.__name__}(_user_instantiated=False), which reading an"
        f" item does ({reason}).",
        remedy="Take **attributes and pass them to super().__init__(**attributes), or use a classmethod to make new"
        " instances.",
        rule="ST114",
        entity=entity.__name__,
    )


def refuse_unusable_name(entity: str, stored: str, name: str) -> None:
    """Refuse a stored name that cannot be used in an expression.

    Args:
        entity: The class.
        stored: The name in the table.
        name: The name in the class.

    Raises:
        DeclarationError: The stored name has a bracket, or text that UTF-8 cannot store.
    """
    if "[" in stored or "]" in stored:
        reason = "PynamoDB treats brackets as a position in a list"
    elif not stored.isascii() and any("\ud800" <= char <= "\udfff" for char in stored):
        reason = "it holds half a surrogate pair, which UTF-8 cannot store"
    else:
        return
    raise DeclarationError(
        f"{entity}.{name} is stored as {stored!r}: {reason}.",
        remedy="Give it another attr_name. An attribute that the model does not declare is kept in extra_attributes.",
        rule="ST121",
        entity=entity,
        attribute=name,
    )
