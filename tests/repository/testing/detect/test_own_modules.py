"""The modules that a repository has itself."""

from repository.testing.detect.own_modules import OwnModules


def test_modules_of_a_package_at_the_root_are_imported_by_their_own_names() -> None:
    own = OwnModules.of(["__init__.py", "cart.py", "shop/__init__.py", "shop/prices.py"])
    assert own.include("cart")
    assert own.include("shop.prices")
    assert not own.include("prices")
