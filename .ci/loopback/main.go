// Command loopback runs an image registry on this computer for scripts. It pushes a sample image
// for every argument REPOSITORY:TAG, prints the registry's host, and ends with its standard input.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"bulla/docker/loopback"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "loopback:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, images []string) error {
	r, err := loopback.Start(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, image := range images {
		repo, tag, _ := strings.Cut(image, ":")
		if _, err := r.PushSample(ctx, repo, tag); err != nil {
			return err
		}
	}
	fmt.Println(r.Host())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
