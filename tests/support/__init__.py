"""What tests build the world from, and what they check it with.

==================  =====================================================================================
``wheels``          `WheelSpec`, `pkg`, `build_wheel`, `wheel_bytes`: wheels as they should be
``damage``          the ways to spoil a wheel on purpose, given as ``WheelSpec(damage=...)``
``archives``        the zip files and RECORD texts below `wheels`
``sdists``          source distributions that exist only to be listed
``index``           `Index`: a package index on loopback with behaviours for every path, `ForwardProxy`
``certificates``    `make_certificates`: for ``Index(tls=...)``
``trees``           `snapshot`, `diff`, `Footprint`: what a directory holds and what changed
``interpreters``    the real Pythons of this machine
``installations``   `make_installation`: a Python that is no environment, in a prefix of the test
``environments``    `make_venv`, `distributions`, `verify_record`: environments and their truth
``sandbox``         `Sandbox`, `run_holdfast`: a private world for one command
``peers``           `find_pip`, `find_uv`: the installers that holdfast is held against
``same``            `compare`: whether two installers made the same environment
``faulty_disk``     `FaultyDisk`: stop at the n-th disk call, in this process
``faulty_main``     `run_faulty`: the same in a process of its own, by a real signal
==================  =====================================================================================
"""
