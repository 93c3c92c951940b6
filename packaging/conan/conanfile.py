# Builds the checkout that it is part of:
#   conan create packaging/conan --build=missing
# Conan Center takes the release archive instead: source() with get(**self.conan_data[...]) and no export_sources().
import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, rmdir

required_conan_version = ">=2.0"


class TuttiConan(ConanFile):
    name = "tutti"
    version = "0.1.0"
    description = "Ensemble text generation with several language models in one batched forward pass"
    license = "Apache-2.0"
    topics = ("language-models", "text-generation", "ensemble", "inference", "header-only")
    settings = "os", "arch", "compiler", "build_type"
    # compiled: also build tutti::compiled, which chooses the instruction set at run time.
    # text: PCRE2 and utf8proc; without them, tokenizers that need one are refused.
    options = {"compiled": [True, False], "text": [True, False], "fPIC": [True, False]}
    default_options = {"compiled": False, "text": True, "fPIC": True}
    package_type = "static-library"

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*"):
            copy(self, pattern, src=root, dst=self.export_sources_folder)

    def config_options(self):
        if self.settings.os == "Windows":
            del self.options.fPIC

    def configure(self):
        if not self.options.compiled:
            self.package_type = "header-library"
            self.options.rm_safe("fPIC")

    def requirements(self):
        self.requires("nlohmann_json/3.11.3", transitive_headers=True)
        if self.options.text:
            self.requires("pcre2/10.44", transitive_headers=True, transitive_libs=True)
            self.requires("utf8proc/2.9.0", transitive_headers=True, transitive_libs=True)

    def package_id(self):
        if not self.info.options.compiled:
            self.info.settings.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for name, value in {
            "TUTTI_BUILD_TESTS": False,
            "TUTTI_BUILD_EXAMPLES": False,
            "TUTTI_BUILD_BENCHMARKS": False,
            "TUTTI_COMPILED_LIBRARY": bool(self.options.compiled),
            "TUTTI_TEXT_LIBRARIES": bool(self.options.text),
        }.items():
            toolchain.cache_variables[name] = value
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        # CMakeDeps and PkgConfigDeps write these for consumers.
        for folder in ("lib/cmake", "lib/pkgconfig", "share"):
            rmdir(self, os.path.join(self.package_folder, folder))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "tutti")
        requires = ["nlohmann_json::nlohmann_json"]
        if self.options.text:
            requires += ["pcre2::pcre2-8", "utf8proc::utf8proc"]
        headers = self.cpp_info.components["tutti"]
        headers.set_property("cmake_target_name", "tutti::tutti")
        headers.set_property("pkg_config_name", "tutti")
        headers.bindirs = []
        headers.libdirs = []
        headers.requires = requires
        if not self.options.text:
            headers.defines = ["TUTTI_WITHOUT_TEXT_LIBRARIES"]
        if self.settings.os in ("Linux", "FreeBSD"):
            headers.system_libs = ["pthread"]
        if self.options.compiled:
            compiled = self.cpp_info.components["compiled"]
            compiled.set_property("cmake_target_name", "tutti::compiled")
            compiled.set_property("pkg_config_name", "tutti-compiled")
            compiled.libs = ["tutti"]
            compiled.defines = ["TUTTI_COMPILED"]
            compiled.requires = ["tutti"]
