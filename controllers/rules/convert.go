package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// convert gives the Go value for a field: string (also for a reference), bool,
// []string, []v1alpha1.PersonContact, []v1alpha1.PersonAddress or v1alpha1.JSON.
// An error says what is wrong without telling the value.
func (f specField) convert(value ref.Val) (any, error) {
	switch f.kind {
	case textValue:
		return f.convertText(value)
	case boolValue:
		if b, ok := value.(types.Bool); ok {
			return bool(b), nil
		}
		return nil, f.mismatch(value)
	case referenceValue:
		name, ok := value.(types.String)
		if !ok {
			return nil, f.mismatch(value)
		}
		return string(name), checkLength(string(name), MaxReferenceLength)
	case textsValue:
		return convertList(value, MaxOtherEmails, f.readText)
	case contactsValue:
		return convertList(value, MaxContacts, f.readContact)
	case addressesValue:
		return convertList(value, MaxContacts, f.readAddress)
	default:
		return convertJSON(value)
	}
}

func (f specField) mismatch(value ref.Val) error {
	return fmt.Errorf("gives %s where %s takes %s", value.Type().TypeName(), f.name, f.kind)
}

func (f specField) convertText(value ref.Val) (any, error) {
	text, ok := value.(types.String)
	if !ok {
		return nil, f.mismatch(value)
	}
	if f.line {
		text = types.String(strings.TrimSpace(string(text)))
	}
	switch {
	case f.required && isBlank(string(text)):
		return nil, errors.New("gives blank text, but " + f.name + " must not be empty")
	case f.email && (!isEmail(string(text)) || len(text) < MinEmailLength):
		return nil, errors.New("gives text that is not an e-mail address")
	case f.line && !fold.IsLine(string(text)):
		return nil, errors.New("gives text with control characters")
	}
	return string(text), checkLength(string(text), f.max)
}

// checkLength also refuses text that is not UTF-8, which no object can hold.
func checkLength(text string, most int) error {
	if !utf8.ValidString(text) {
		return errors.New("gives text that is not valid UTF-8")
	}
	if n := utf8.RuneCountInString(text); n > most {
		return fmt.Errorf("gives text of %d characters; at most %d fit", n, most)
	}
	return nil
}

func checkCount(n, most int) error {
	if n > most {
		return fmt.Errorf("gives %d entries; at most %d fit", n, most)
	}
	return nil
}

// convertList reads a list, or one entry where a list is meant.
func convertList[T any](value ref.Val, most int, read func(ref.Val) (T, error)) (any, error) {
	entries := []T{}
	var wrong error
	add := func(item ref.Val) {
		entry, err := read(item)
		if wrong == nil {
			wrong = err
		}
		entries = append(entries, entry)
	}
	if list, ok := value.(traits.Lister); ok {
		each(list, add)
	} else {
		add(value)
	}
	if wrong != nil {
		return nil, wrong
	}
	return entries, checkCount(len(entries), most)
}

func (f specField) readText(item ref.Val) (string, error) {
	text, ok := item.(types.String)
	switch {
	case !ok:
		return "", f.mismatch(item)
	case isBlank(string(text)):
		return "", errors.New("gives a list with blank text in it")
	}
	trimmed := strings.TrimSpace(string(text))
	if !fold.IsLine(trimmed) {
		return "", errors.New("gives a list with control characters in it")
	}
	return trimmed, checkLength(trimmed, MaxTextLength)
}

func (f specField) readContact(item ref.Val) (v1alpha1.PersonContact, error) {
	contact, ok := item.Value().(*v1alpha1.PersonContact)
	if !ok {
		return v1alpha1.PersonContact{}, f.mismatch(item)
	}
	return *contact, checkContact(*contact)
}

func (f specField) readAddress(item ref.Val) (v1alpha1.PersonAddress, error) {
	address, ok := item.Value().(*v1alpha1.PersonAddress)
	if !ok {
		return v1alpha1.PersonAddress{}, f.mismatch(item)
	}
	return *address, checkAddress(*address)
}

func checkContact(c v1alpha1.PersonContact) error {
	switch c.Protocol {
	case v1alpha1.ContactTelephone, v1alpha1.ContactEmail, v1alpha1.ContactChat, v1alpha1.ContactWebsite:
	default:
		return errors.New("gives a contact whose protocol is not telephone, email, chat or website")
	}
	if isBlank(c.URI) {
		return errors.New("gives a contact without a uri")
	}
	return errors.Join(checkLength(c.Label, MaxTextLength), checkLength(c.URI, MaxTextLength))
}

func checkAddress(a v1alpha1.PersonAddress) error {
	for _, part := range []string{a.Label, a.Address, a.City, a.State, a.Zip, a.Country} {
		if err := checkLength(part, MaxTextLength); err != nil {
			return err
		}
	}
	return nil
}

// convertJSON gives nil for null.
func convertJSON(value ref.Val) (any, error) {
	goValue, err := toGo(value)
	if err != nil || goValue == nil {
		return nil, err
	}
	leaveOutNulls(goValue)
	encoded, err := json.Marshal(goValue)
	if err != nil {
		return nil, errors.New("gives a value that JSON cannot hold")
	}
	if len(encoded) > MaxCustomFieldSize {
		return nil, fmt.Errorf("gives %d bytes of JSON; at most %d fit", len(encoded), MaxCustomFieldSize)
	}
	return v1alpha1.JSON{Raw: encoded}, nil
}

// leaveOutNulls takes members that are null out of objects. Records are written by
// merge patches, which cannot say that a member is null: the record would never become
// what is planned, and each run would write it again.
func leaveOutNulls(value any) {
	switch v := value.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, member any) bool { return member == nil })
		for _, member := range v {
			leaveOutNulls(member)
		}
	case []any:
		for _, item := range v {
			leaveOutNulls(item)
		}
	}
}

// fits reports whether an expression of this type can give the field a value. What
// CEL cannot know beforehand (dyn) is looked at when the rule runs.
func (f specField) fits(t *types.Type, op operation) bool {
	if t.Kind() == types.OpaqueKind && t.TypeName() == "optional_type" {
		t = t.Parameters()[0]
	}
	switch {
	case t.Kind() == types.DynKind || t.Kind() == types.TypeParamKind:
		return true
	case f.kind == jsonValueKind:
		return t.Kind() != types.TypeKind && t.Kind() != types.NullTypeKind
	case f.kind.isList():
		if op != setOperation && f.fitsEntry(t) {
			return true
		}
		return t.Kind() == types.ListKind && f.fitsEntry(t.Parameters()[0])
	case f.kind == boolValue:
		return t.Kind() == types.BoolKind
	default:
		return t.Kind() == types.StringKind
	}
}

func (f specField) fitsEntry(t *types.Type) bool {
	want := types.StringType.TypeName()
	switch f.kind {
	case contactsValue:
		want = contactType.name
	case addressesValue:
		want = addressType.name
	}
	return t.Kind() == types.DynKind || t.Kind() == types.TypeParamKind || t.TypeName() == want
}
