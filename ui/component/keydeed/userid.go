package keydeed

import (
	"errors"
	"slices"

	"bulla/keys/store"
	"bulla/ui/safetext"
)

// The parts of a user id, as a *store.ParamError names them.
const (
	PartName    = "name"
	PartAddress = "email"
	PartComment = "comment"
)

// PartFault is what is wrong with a part of a user id by itself, as a sentence that is safe to show;
// "" for nothing. A part that is empty is not wrong: the others may do.
func PartFault(part, text string) string {
	var p store.GenerateParams
	switch {
	case text == "":
		return ""
	case part == PartName:
		p.Name = text
	case part == PartAddress:
		p.Email = text
	case part == PartComment:
		p.Name, p.Comment = "-", text
	}
	_, wrong := partFault(p.CheckUserID())
	return wrong
}

func partFault(err error) (part, wrong string) {
	var param *store.ParamError
	if !errors.As(err, &param) {
		return "", ""
	}
	word := param.Field
	if word == PartAddress {
		word = "address"
	}
	return param.Field, "The " + word + " " + safetext.Line(param.Reason) + "."
}

// AddUserIDFault is what is wrong with a user id that a key shall get, and with which part; "" for
// nothing.
func (s Subject) AddUserIDFault(p store.AddUserIDParams) (part, wrong string) {
	if p.Name == "" && p.Email == "" {
		return PartName, "A user id needs a name or an address."
	}
	id, err := store.GenerateParams{Name: p.Name, Email: p.Email, Comment: p.Comment}.UserID()
	if err != nil {
		return partFault(err)
	}
	if slices.Contains(s.State.UserIDs, id) {
		return PartAddress, "The key has this user id already."
	}
	return "", ""
}
