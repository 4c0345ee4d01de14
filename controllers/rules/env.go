package rules

import (
	"fmt"
	"math"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common"
	celast "github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// libraryVersion is the Kubernetes version whose CEL libraries rules can use. It
// is fixed, so that a newer dependency does not change what stored rules mean.
var libraryVersion = version.MajorMinor(1, 37)

// variable is a name that rules can use.
type variable struct {
	name string
	typ  *types.Type
	// doc is one or two sentences for README.md.
	doc string
}

const (
	findVariable   = "find"
	recordVariable = "record"
)

var (
	jsonMapType = types.NewMapType(types.StringType, types.DynType)

	customFieldsDoc = "The product's extension for custom fields, by id: the extension whose URN ends with `:custom_fields`, in either of its forms."
	recordDoc       = "The record as this rule finds it, with what earlier rules changed; empty where there is none yet. " +
		"Known only after match, so only the condition and the values of set, add and remove can use it."

	userVariables = []variable{
		{"user", userType.celType, "The user as the client sent it."},
		{"groups", listOfGroups, "The user's groups in the order of joining."},
		{"customFields", jsonMapType, customFieldsDoc},
		{"endpoint", endpointType.celType, "The ScimEndpoint; `defaultOrganization` is a record name or \"\"."},
		{findVariable, findType.celType, "Carries the functions that look up records."},
	}
	groupVariables = []variable{
		{"group", groupType.celType, "The group as the client sent it."},
		{"customFields", jsonMapType, customFieldsDoc},
		{"endpoint", endpointType.celType, "The ScimEndpoint; `defaultOrganization` is a record name or \"\"."},
		{findVariable, findType.celType, "Carries the functions that look up records."},
	}
)

// structs are all types that rules meet.
func structs() []*structType {
	return []*structType{
		userType, nameType, valueType, postalAddressType, certificateType, enterpriseType, managerType,
		membershipType, groupType, endpointType, findType, recordReferenceType,
		personKind.typ, organizationKind.typ, siteKind.typ, contactType, addressType,
	}
}

// subject is what the engine knows of a kind of subject.
type subject struct {
	kind      v1alpha1.SubjectKind
	variables []variable
	// records are the kinds of record that its rules can update.
	records []*recordKind
	// env is the environment that the expressions of a rule begin with.
	env func() (*cel.Env, error)
}

var (
	userSubject  = newSubject(v1alpha1.SubjectScimUser, userVariables, personKind)
	groupSubject = newSubject(v1alpha1.SubjectScimGroup, groupVariables, organizationKind, siteKind)
)

func newSubject(kind v1alpha1.SubjectKind, variables []variable, records ...*recordKind) *subject {
	return &subject{
		kind:      kind,
		variables: variables,
		records:   records,
		env:       sync.OnceValues(func() (*cel.Env, error) { return newEnv(variables) }),
	}
}

// newEnv builds the environment: the one of admission policies, our types,
// functions and variables, and our limits.
func newEnv(variables []variable) (*cel.Env, error) {
	base := environment.MustBaseEnvSet(libraryVersion)
	options := []cel.EnvOption{
		cel.CustomTypeProvider(newProvider(base.NewExpressionsEnv().CELTypeProvider(), structs()...)),
		cel.CostEstimatorOptions(append(estimates(), listEstimates()...)...),
	}
	options = append(options, declarations()...)
	bounded, err := boundedFunctions(base.NewExpressionsEnv())
	if err != nil {
		return nil, err
	}
	options = append(options, bounded...)
	for _, v := range variables {
		options = append(options, cel.Variable(v.name, v.typ))
	}
	set, err := base.Extend(environment.VersionedOptions{
		IntroducedVersion: libraryVersion,
		EnvOptions:        options,
		ProgramOptions: []cel.ProgramOption{
			cel.CostLimit(MaxCost),
			cel.CostTracking(&callCosts{}),
			cel.InterruptCheckFrequency(InterruptCheckFrequency),
			cel.CostTrackerOptions(append(trackers(), walkTrackers()...)...),
			cel.CustomDecoratorV2(boundOperators),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("building the CEL environment: %w", err)
	}
	return set.NewExpressionsEnv(), nil
}

// sizes tells the cost estimate how large the values of a subject can be.
type sizes struct{}

// newCostEstimator knows the cost of the Kubernetes libraries, with our sizes.
func newCostEstimator() checker.CostEstimator {
	return &library.CostEstimator{SizeEstimator: sizes{}}
}

func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	if e := node.Expr(); e != nil && e.Kind() == celast.IdentKind && e.AsIdent() == sortByInput {
		return nil // CEL knows the size of the list that is sorted
	}
	most := uint64(maxDynamic)
	switch t := node.Type(); t.Kind() {
	case types.StringKind:
		most = MaxTextLength
	case types.ListKind:
		most = maxListSize(t.Parameters()[0])
	case types.MapKind:
		most = MaxCustomFields
		if path := node.Path(); len(path) > 0 && path[len(path)-1] == "extensions" {
			most = maxExtensions
		}
	case types.DynKind, types.AnyKind, types.BytesKind, types.OpaqueKind, types.StructKind, types.TypeKind:
	default:
		return nil // CEL knows the size of the others
	}
	return &checker.SizeEstimate{Min: 0, Max: most}
}

func maxListSize(element *types.Type) uint64 {
	switch element.TypeName() {
	case valueType.name, postalAddressType.name, certificateType.name:
		return maxValues
	case contactType.name, addressType.name:
		return MaxContacts
	}
	return maxGroups // of groups, or made of them
}

func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// entryCost is what our functions cost for each entry of a list, in CEL cost units.
const entryCost = 10

// estimates are the costs of our functions for the estimate at compile time.
func estimates() []checker.CostOption {
	var options []checker.CostOption
	for _, f := range functions {
		for _, o := range f.overloads {
			options = append(options, checker.OverloadCostEstimate(o.id,
				func(estimator checker.CostEstimator, _ *checker.AstNode, args []checker.AstNode) *checker.CallEstimate {
					cost := checker.FixedCostEstimate(o.fixedCost())
					for _, arg := range args {
						size := arg.ComputedSize()
						if size == nil {
							size = estimator.EstimateSize(arg)
						}
						if size != nil {
							cost = cost.Add(size.MultiplyByCostFactor(unitCost(arg.Type())))
						}
					}
					return &checker.CallEstimate{CostEstimate: cost}
				}))
		}
	}
	return options
}

// trackers are the costs of our functions at run time.
func trackers() []interpreter.CostTrackerOption {
	var options []interpreter.CostTrackerOption
	for _, f := range functions {
		for _, o := range f.overloads {
			options = append(options, interpreter.OverloadCostTracker(o.id, func(args []ref.Val, _ ref.Val) *uint64 {
				cost := o.fixedCost()
				for _, arg := range args {
					if sizer, ok := arg.(traits.Sizer); ok {
						size, _ := sizer.Size().Value().(int64)
						cost += uint64(math.Ceil(float64(size) * unitCost(arg.Type().(*types.Type))))
					}
				}
				return &cost
			}))
		}
	}
	return options
}

func (o overload) fixedCost() uint64 {
	if o.lookup {
		return LookupCost
	}
	return 1
}

// unitCost is the cost for an entry of a list or a character of a text.
func unitCost(t *types.Type) float64 {
	if t.Kind() == types.ListKind {
		return entryCost
	}
	return common.StringTraversalCostFactor
}
