// Leaks in builds with AddressSanitizer: Vulkan drivers and layers keep memory until the process ends, and are unloaded
// before the check, so that nothing could name them. They stay loaded here, and their leaks are not ours.
#ifdef __SANITIZE_ADDRESS__
int dlclose(void *handle);
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}

const char *__lsan_default_suppressions(void)
{
    return "leak:libvulkan_\nleak:libvulkan.so\nleak:libVkLayer_\nleak:libLLVM\nleak:libvk_swiftshader\n";
}
const char *__lsan_default_options(void) { return "print_suppressions=0"; }
#else
typedef int NothingToDo;
#endif
