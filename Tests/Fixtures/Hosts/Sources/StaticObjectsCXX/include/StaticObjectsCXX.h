#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/// What the constructor of a static object left behind.
int static_object_value(void);

#ifdef __cplusplus
}
#endif
