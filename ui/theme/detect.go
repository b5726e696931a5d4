package theme

import (
	"runtime"
	"strconv"
	"strings"
)

// lightBackground reads COLORFGBG, "foreground;background" or "foreground;default;background" in
// the 16 colours of a terminal. Anything else counts as dark.
func lightBackground(v string) bool {
	i := strings.LastIndexByte(v, ';')
	if i < 0 {
		return false
	}
	n, err := strconv.Atoi(v[i+1:])
	return err == nil && n <= 15 && (n == 7 || n > 8)
}

// UTF8 reports whether the locale of env is a UTF-8 one: by LC_ALL, LC_CTYPE and LANG, the first
// that is set, as POSIX has it. On Windows, where there is no such variable, the console takes
// UTF-8.
func UTF8(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(env(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return runtime.GOOS == "windows"
}
