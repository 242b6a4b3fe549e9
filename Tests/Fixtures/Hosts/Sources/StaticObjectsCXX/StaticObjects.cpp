#include "StaticObjectsCXX.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

struct StaticObject {
    std::string text;

    StaticObject() : text(42, 'x') {
        // A library that starts a thread of its own as soon as it is loaded.
        if (getenv("FIXTURE_EARLY_THREAD")) {
            std::thread([] { std::this_thread::sleep_for(std::chrono::hours(1)); }).detach();
        }
    }

    ~StaticObject() {
        puts("static object: destroyed");
    }
};

StaticObject object;

}  // namespace

int static_object_value(void) {
    return static_cast<int>(object.text.size());
}
