package explain

import (
	"errors"
	"fmt"
	"strings"

	"bulla/docker"
)

func registries(err error, x *Explanation) bool {
	var file *docker.CertificateError
	var moved *docker.MovedError
	var reg *docker.RegistryError
	var unlisted *docker.NotListedError
	switch {
	case errors.As(err, &file):
		x.Headline, x.Cause = fmt.Sprintf("The file %s cannot be used for the connection.", file.Path), sentence(file.Reason)
		x.Untouched, x.Code = "Nothing was asked of the server.", CodeUsage
		x.Next = []string{"put it right, or move it away: Docker reads it too"}
		return true
	case errors.As(err, &unlisted):
		x.Untouched = "The signature itself is in the registry."
		x.Next = []string{"bulla image sign again lists it; it makes no second one"}
		x.Code = CodeIncomplete
		return true
	case errors.As(err, &moved):
		x.Headline = fmt.Sprintf("%s has moved.", moved.Ref)
		x.Cause = fmt.Sprintf("It pointed to %s and points to %s now.", moved.Was, moved.Is)
		x.Next = []string{"find out who pushed; then sign what the tag should point to"}
		x.Code = CodeFailed
		return true
	case !errors.As(err, &reg):
		return false
	}
	x.Cause, x.Code = reg.Detail, CodeRefused
	switch reg.Kind {
	case docker.KindUnreachable:
		x.Headline, x.Code = fmt.Sprintf("The registry %s cannot be reached.", reg.Host), CodeUnchecked
		if x.Next = []string{"check the network and the name"}; reg.Err != nil {
			x.Cause, x.Next = unreached(reg.Host, reg.Op+" of "+reg.Repo, reg.Err)
		}
	case docker.KindUnauthorized:
		x.Headline, x.Next = fmt.Sprintf("The registry %s does not know who you are (401).", reg.Host), []string{"docker login " + reg.Host}
	case docker.KindForbidden:
		if !reg.Writing() {
			x.Headline = fmt.Sprintf("The registry %s does not let you read %s (403).", reg.Host, reg.Repo)
			x.Next = []string{"docker login " + reg.Host + " as someone who may"}
			break
		}
		x.Headline = fmt.Sprintf("The registry %s refused to let you write to %s (403).", reg.Host, reg.Repo)
		x.Next = []string{"an image's signature is stored beside it: signing needs the right to push"}
	case docker.KindNotFound:
		x.Headline = fmt.Sprintf("%s has no such image: %s.", reg.Host, imageIn(reg))
		x.Next = []string{"push the image first"}
	case docker.KindContent, docker.KindTooLarge, docker.KindOther:
		x.Code = CodeUnchecked
	case docker.KindRateLimited, docker.KindServer:
		x.Headline, x.Code = fmt.Sprintf("The registry %s is in trouble (%d).", reg.Host, reg.Status), CodeUnchecked
		x.Next = []string{"try again later"}
	}
	return true
}

// imageIn names what a registry was asked for: the repository alone may well exist.
func imageIn(reg *docker.RegistryError) string {
	switch {
	case reg.Name == "":
		return reg.Repo
	case strings.Contains(reg.Name, ":"): // a digest
		return reg.Repo + "@" + reg.Name
	}
	return reg.Repo + ":" + reg.Name
}
