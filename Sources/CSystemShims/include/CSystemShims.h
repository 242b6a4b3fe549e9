#pragma once
#include "images.h"
