package vault

import "errors"

func checkFD(fd int) error {
	if fd < 0 {
		return errors.New("not a file descriptor")
	}
	return nil
}
