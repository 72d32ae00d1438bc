#!/usr/bin/env bash
# none.sh LECTERN: without a driver, a command that needs a device ends with 1 and one line that names the package.
for command in devices doctor; do
    output=$(VK_DRIVER_FILES=/nonexistent.json "${1:?the program}" "$command" 2>&1)
    code=$?
    echo "$command: exit $code: $output"
    [ "$code" = 1 ] && [ "$(wc -l <<<"$output")" = 1 ] && [[ $output == *mesa-vulkan-drivers* ]] || exit 1
done
