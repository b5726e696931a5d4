package artifacts

import "os"

// readFlags open a file for reading. Windows keeps named pipes out of the file system.
const readFlags = os.O_RDONLY
