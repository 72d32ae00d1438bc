// fake_i915.c: an LD_PRELOAD stub that shows Mesa's Intel Vulkan drivers (ANV, hasvk) a GPU that does not exist,
// so that they create devices and compile pipelines with their real back end. Nothing is ever executed.
//
// tests/drivers/run builds and preloads it: with FAKE_INTEL_ID=0x56a5, MESA_SHADER_CACHE_DISABLE=true and
// VK_DRIVER_FILES at intel_icd.x86_64.json. Debian: libdrm-dev for the headers.
//
// FAKE_INTEL_ID is a PCI id that the driver knows: 0x1912 Skylake GT2, 0x8a52 Ice Lake, 0x9a49 Tiger Lake,
// 0x46a6 Alder Lake, 0x56a5 Arc A380. Tested with Mesa 22.3.6; a newer Mesa may ask for more ioctls.
#define _GNU_SOURCE
#include <errno.h>
#include <i915_drm.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xf86drm.h>

enum { MAX_OBJECTS = 1 << 16 };

static int memory = -1; // one sparse memfd stands for the device's memory
static uint64_t memory_top = 1 << 16;
static uint64_t object_offset[MAX_OBJECTS];
static uint32_t object_count = 1; // handle 0 is invalid
static char node_path[64];

__attribute__((constructor)) static void tell_driver_not_to_submit(void) { setenv("INTEL_NO_HW", "1", 1); }

static unsigned device_id(void)
{
    const char *id = getenv("FAKE_INTEL_ID");
    return id ? (unsigned)strtoul(id, NULL, 0) : 0x9a49;
}

static drmDevicePtr fake_device(void)
{
    struct {
        drmDevice device;
        char *nodes[DRM_NODE_MAX];
        drmPciBusInfo bus;
        drmPciDeviceInfo info;
    } *f = calloc(1, sizeof *f);
    if (memory < 0) {
        memory = memfd_create("fake_i915", MFD_CLOEXEC);
        if (memory < 0 || ftruncate(memory, 64ll << 30)) abort();
        snprintf(node_path, sizeof node_path, "/proc/self/fd/%d", memory);
    }
    for (int i = 0; i < DRM_NODE_MAX; i++) f->nodes[i] = "/nonexistent";
    f->nodes[DRM_NODE_RENDER] = node_path;
    f->bus.dev = 2;
    f->info.vendor_id = 0x8086;
    f->info.device_id = (uint16_t)device_id();
    f->device = (drmDevice){ .nodes = f->nodes,
                             .available_nodes = 1 << DRM_NODE_RENDER,
                             .bustype = DRM_BUS_PCI,
                             .businfo.pci = &f->bus,
                             .deviceinfo.pci = &f->info };
    return &f->device;
}

int drmGetDevices2(uint32_t flags, drmDevicePtr devices[], int max)
{
    (void)flags;
    if (devices && max > 0) devices[0] = fake_device();
    return 1;
}
int drmGetDevice2(int fd, uint32_t flags, drmDevicePtr *device)
{
    (void)fd;
    (void)flags;
    *device = fake_device();
    return 0;
}
void drmFreeDevice(drmDevicePtr *device)
{
    if (device) {
        free(*device);
        *device = NULL;
    }
}
void drmFreeDevices(drmDevicePtr devices[], int count)
{
    for (int i = 0; i < count; i++) drmFreeDevice(&devices[i]);
}

static uint32_t new_object(uint64_t bytes)
{
    if (object_count == MAX_OBJECTS) return 0;
    object_offset[object_count] = memory_top;
    memory_top += (bytes + 0xffff) & ~0xffffull;
    return object_count++;
}

static int get_parameter(struct drm_i915_getparam *p)
{
    switch (p->param) {
    case I915_PARAM_CHIPSET_ID: *p->value = (int)device_id(); return 0;
    case I915_PARAM_HAS_ALIASING_PPGTT: *p->value = 3; return 0;
    case I915_PARAM_MMAP_VERSION:
    case I915_PARAM_MMAP_GTT_VERSION: *p->value = 4; return 0;
    case I915_PARAM_HAS_WAIT_TIMEOUT:
    case I915_PARAM_HAS_EXECBUF2:
    case I915_PARAM_HAS_EXEC_SOFTPIN:
    case I915_PARAM_HAS_EXEC_FENCE_ARRAY:
    case I915_PARAM_HAS_EXEC_ASYNC:
    case I915_PARAM_HAS_EXEC_CAPTURE:
    case I915_PARAM_HAS_CONTEXT_ISOLATION:
    case I915_PARAM_HAS_EXEC_FENCE: *p->value = 1; return 0;
    }
    errno = EINVAL;
    return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *arg = va_arg(list, void *);
    va_end(list);
    if (_IOC_TYPE(request) != DRM_IOCTL_BASE) return (int)syscall(SYS_ioctl, fd, request, arg);

    switch (_IOC_NR(request)) {
    case _IOC_NR(DRM_IOCTL_I915_GETPARAM): return get_parameter(arg);
    case _IOC_NR(DRM_IOCTL_I915_GEM_CREATE): {
        struct drm_i915_gem_create *c = arg;
        c->handle = new_object(c->size);
        return 0;
    }
    case _IOC_NR(DRM_IOCTL_I915_GEM_CREATE_EXT): {
        struct drm_i915_gem_create_ext *c = arg;
        c->handle = new_object(c->size);
        return 0;
    }
    case _IOC_NR(DRM_IOCTL_I915_GEM_USERPTR): {
        struct drm_i915_gem_userptr *c = arg;
        c->handle = new_object(c->user_size);
        return 0;
    }
    case _IOC_NR(DRM_IOCTL_I915_GEM_MMAP_OFFSET): {
        struct drm_i915_gem_mmap_offset *m = arg;
        m->offset = object_offset[m->handle];
        return 0;
    }
    case _IOC_NR(DRM_IOCTL_I915_GEM_CONTEXT_CREATE): ((struct drm_i915_gem_context_create *)arg)->ctx_id = 1; return 0;
    case _IOC_NR(DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM): {
        struct drm_i915_gem_context_param *c = arg;
        c->value = c->param == I915_CONTEXT_PARAM_GTT_SIZE ? 1ull << 48 : 0;
        return 0;
    }
    case _IOC_NR(DRM_IOCTL_I915_GEM_GET_APERTURE): {
        struct drm_i915_gem_get_aperture *a = arg;
        a->aper_size = a->aper_available_size = 1ull << 48;
        return 0;
    }
    case _IOC_NR(DRM_IOCTL_I915_QUERY):
    case _IOC_NR(DRM_IOCTL_I915_REG_READ): errno = EINVAL; return -1;
    case _IOC_NR(DRM_IOCTL_SYNCOBJ_CREATE): ((struct drm_syncobj_create *)arg)->handle = 1; return 0;
    case _IOC_NR(DRM_IOCTL_GET_CAP): ((struct drm_get_cap *)arg)->value = 1; return 0;
    default: return 0; // close, execute, wait, tiling, caching: succeed, do nothing
    }
}
