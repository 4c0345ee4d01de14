package rules

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// structType is a CEL type over a Go type: its fields are read from the Go value
// when an expression asks for them, so nothing is copied beforehand.
type structType struct {
	name string
	// path is where rules meet the type, such as user.enterprise; hints name it.
	path    string
	celType *types.Type
	fields  []field
	byName  map[string]*types.FieldType
	// build makes a value of a literal; nil where rules cannot make one.
	build func(fields map[string]ref.Val) (any, error)
}

// field is one field of a structType. An absent field reads as the zero value of
// its type; has() and the optional syntax tell whether it is there.
type field struct {
	name  string
	typ   *types.Type
	get   func(goValue any) ref.Val
	isSet func(goValue any) bool
}

func newStruct(name, path string, fields ...field) *structType {
	s := &structType{
		name:    name,
		path:    path,
		celType: types.NewObjectType(name, traits.FieldTesterType, traits.IndexerType),
		fields:  fields,
		byName:  make(map[string]*types.FieldType, len(fields)),
	}
	for _, f := range fields {
		s.byName[f.name] = &types.FieldType{
			Type:    f.typ,
			IsSet:   f.isSet,
			GetFrom: func(goValue any) (any, error) { return f.get(goValue), nil },
		}
	}
	return s
}

func (s *structType) value(goValue any) ref.Val { return &object{structType: s, goValue: goValue} }

func textField[T any](name string, get func(*T) string) field {
	return field{
		name:  name,
		typ:   types.StringType,
		get:   func(v any) ref.Val { return types.String(get(v.(*T))) },
		isSet: func(v any) bool { return get(v.(*T)) != "" },
	}
}

// boolField reads absent as the given value.
func boolField[T any](name string, absent bool, get func(*T) *bool) field {
	return field{
		name: name,
		typ:  types.BoolType,
		get: func(v any) ref.Val {
			if b := get(v.(*T)); b != nil {
				return types.Bool(*b)
			}
			return types.Bool(absent)
		},
		isSet: func(v any) bool { return get(v.(*T)) != nil },
	}
}

func structField[T, S any](name string, of *structType, get func(*T) *S) field {
	return field{
		name: name,
		typ:  of.celType,
		get: func(v any) ref.Val {
			if s := get(v.(*T)); s != nil {
				return of.value(s)
			}
			return of.value(new(S))
		},
		isSet: func(v any) bool { return get(v.(*T)) != nil },
	}
}

func listField[T, S any](name string, of *structType, get func(*T) []S) field {
	return field{
		name:  name,
		typ:   types.NewListType(of.celType),
		get:   func(v any) ref.Val { return listOf(of, get(v.(*T))) },
		isSet: func(v any) bool { return len(get(v.(*T))) > 0 },
	}
}

func listOf[S any](of *structType, items []S) ref.Val {
	values := make([]ref.Val, len(items))
	for i := range items {
		values[i] = of.value(&items[i])
	}
	return types.NewRefValList(types.DefaultTypeAdapter, values)
}

func jsonField[T any](name string, get func(*T) map[string]v1alpha1.JSON) field {
	return field{
		name:  name,
		typ:   types.NewMapType(types.StringType, types.DynType),
		get:   func(v any) ref.Val { return jsonMap(get(v.(*T))) },
		isSet: func(v any) bool { return len(get(v.(*T))) > 0 },
	}
}

// object is a value of a structType.
type object struct {
	*structType
	goValue any
}

var (
	_ traits.Indexer     = (*object)(nil)
	_ traits.FieldTester = (*object)(nil)
)

func (o *object) Type() ref.Type { return o.celType }

func (o *object) Value() any { return o.goValue }

func (o *object) Get(index ref.Val) ref.Val {
	f, err := o.find(index)
	if err != nil {
		return err
	}
	value, _ := f.GetFrom(o.goValue)
	return value.(ref.Val)
}

func (o *object) IsSet(index ref.Val) ref.Val {
	f, err := o.find(index)
	if err != nil {
		return err
	}
	return types.Bool(f.IsSet(o.goValue))
}

func (o *object) find(index ref.Val) (*types.FieldType, ref.Val) {
	name, ok := index.(types.String)
	if !ok {
		return nil, types.MaybeNoSuchOverloadErr(index)
	}
	f, ok := o.byName[string(name)]
	if !ok {
		return nil, types.NewErr("no such field '%s'", name)
	}
	return f, nil
}

func (o *object) Equal(other ref.Val) ref.Val {
	that, ok := other.(*object)
	return types.Bool(ok && that.structType == o.structType && reflect.DeepEqual(o.goValue, that.goValue))
}

func (o *object) ConvertToType(t ref.Type) ref.Val {
	switch t.TypeName() {
	case o.name:
		return o
	case types.TypeType.TypeName():
		return o.celType
	}
	return types.NewErr("type conversion error from '%s' to '%s'", o.name, t.TypeName())
}

func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	if reflect.TypeOf(o.goValue).AssignableTo(t) {
		return o.goValue, nil
	}
	return nil, fmt.Errorf("type conversion error from '%s' to '%s'", o.name, t)
}

// provider adds structTypes to the types of CEL.
type provider struct {
	types.Provider
	structs map[string]*structType
}

func newProvider(base types.Provider, structs ...*structType) *provider {
	p := &provider{Provider: base, structs: make(map[string]*structType, len(structs))}
	for _, s := range structs {
		p.structs[s.name] = s
	}
	return p
}

func (p *provider) FindIdent(name string) (ref.Val, bool) {
	if s, ok := p.structs[name]; ok {
		return s.celType, true
	}
	return p.Provider.FindIdent(name)
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if s, ok := p.structs[name]; ok {
		return types.NewTypeTypeWithParam(s.celType), true
	}
	return p.Provider.FindStructType(name)
}

func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	s, ok := p.structs[name]
	if !ok {
		return p.Provider.FindStructFieldNames(name)
	}
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names, true
}

func (p *provider) FindStructFieldType(name, fieldName string) (*types.FieldType, bool) {
	if s, ok := p.structs[name]; ok {
		f, ok := s.byName[fieldName]
		return f, ok
	}
	return p.Provider.FindStructFieldType(name, fieldName)
}

func (p *provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	s, ok := p.structs[name]
	if !ok {
		return p.Provider.NewValue(name, fields)
	}
	if s.build == nil {
		return types.NewErr("a rule cannot make a value of type '%s'", name)
	}
	goValue, err := s.build(fields)
	if err != nil {
		return types.WrapErr(err)
	}
	return s.value(goValue)
}
