"""Gives the wheel its tag: any Python 3, this platform. tools/wheel.sh sets the three variables."""
import os

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel


class Binary(Distribution):
    def has_ext_modules(self):
        return True


class Tagged(bdist_wheel):
    def get_tag(self):
        return "py3", "none", os.environ["UNA_WHEEL_PLATFORM"]


setup(version=os.environ["UNA_VERSION"], install_requires=os.environ["UNA_WHEEL_REQUIRES"].split(), distclass=Binary,
      cmdclass={"bdist_wheel": Tagged})
