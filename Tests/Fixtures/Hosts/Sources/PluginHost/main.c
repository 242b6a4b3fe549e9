// A program that was not linked with the library and loads it while it runs: `PluginHost <dynamic library>`.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    if (argc != 2 || getenv("FIXTURE_DEPTH")) {
        puts("a process of the pool ran the program's main");
        return 99;
    }
    setenv("FIXTURE_DEPTH", "1", 1);
    void *library = dlopen(argv[1], RTLD_NOW);
    void (*make_pool)(void) = library ? (void (*)(void))dlsym(library, "plugin_make_pool") : NULL;
    if (!make_pool) {
        puts(dlerror());
        return 1;
    }
    make_pool();
    return 0;
}
