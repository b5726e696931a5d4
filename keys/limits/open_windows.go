package limits

import "os"

// openFlags open a file for reading. Windows keeps named pipes out of the file system.
const openFlags = os.O_RDONLY
