package rules

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// viewOf gives the fields of a record as expressions read them; a reference is the
// name of the record.
func viewOf[T Record](fields []specField) []field {
	view := make([]field, len(fields))
	for i, f := range fields {
		read := func(v any) ref.Val { return viewOfGo(f.pointer(v.(T))) }
		view[i] = field{
			name:  f.name,
			typ:   f.celType(),
			get:   read,
			isSet: func(v any) bool { return !isEmpty(f.pointer(v.(T))) },
		}
	}
	return view
}

// celType is the type of the field in expressions.
func (f specField) celType() *types.Type {
	switch f.kind {
	case boolValue:
		return types.BoolType
	case textsValue:
		return types.NewListType(types.StringType)
	case contactsValue:
		return types.NewListType(contactType.celType)
	case addressesValue:
		return types.NewListType(addressType.celType)
	default:
		return types.StringType
	}
}

func viewOfGo(pointer any) ref.Val {
	switch p := pointer.(type) {
	case *string:
		return types.String(*p)
	case *bool:
		return types.Bool(*p)
	case **v1alpha1.RecordReference:
		if *p == nil {
			return types.String("")
		}
		return types.String((*p).Name)
	case *[]string:
		return types.NewStringList(types.DefaultTypeAdapter, *p)
	case *[]v1alpha1.PersonContact:
		return listOf(contactType, *p)
	case *[]v1alpha1.PersonAddress:
		return listOf(addressType, *p)
	}
	return types.NewErr("unsupported field type %T", pointer)
}

func isEmpty(pointer any) bool {
	switch p := pointer.(type) {
	case *string:
		return *p == ""
	case *bool:
		return !*p
	case **v1alpha1.RecordReference:
		return *p == nil
	case *[]string:
		return len(*p) == 0
	case *[]v1alpha1.PersonContact:
		return len(*p) == 0
	case *[]v1alpha1.PersonAddress:
		return len(*p) == 0
	}
	return false
}

// valueKind is what a field takes.
type valueKind int

const (
	textValue valueKind = iota
	boolValue
	referenceValue
	textsValue
	contactsValue
	addressesValue
	jsonValueKind // a custom field: any JSON
)

// String describes the kind in messages: "where jobTitle takes …".
func (k valueKind) String() string {
	return [...]string{
		"text", "true or false", "the name of a record", "a list of text",
		"a list of Contact", "a list of Address", "anything that JSON can hold",
	}[k]
}

// isList says whether add and remove work on the field.
func (k valueKind) isList() bool {
	return k == textsValue || k == contactsValue || k == addressesValue
}

func kindOf(pointer any) valueKind {
	switch pointer.(type) {
	case *bool:
		return boolValue
	case **v1alpha1.RecordReference:
		return referenceValue
	case *[]string:
		return textsValue
	case *[]v1alpha1.PersonContact:
		return contactsValue
	case *[]v1alpha1.PersonAddress:
		return addressesValue
	default:
		return textValue
	}
}
