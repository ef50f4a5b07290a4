package convert

import (
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func (c *converter) report(severity config.Severity, code config.Code, field, message, fix string, needs ...config.Kind) {
	p := config.Problem{
		Position: c.object.FieldPosition(field), Object: c.object.Key, Field: field, Severity: severity,
		Code: code, Message: message, Fix: fix,
	}
	copy(p.Needs[:], needs)
	c.result.Problems = append(c.result.Problems, p)
}

// fail reports a part that does not fit the rest of the mesh and is left out.
func (c *converter) fail(field, message, fix string) {
	c.report(config.Error, codes.UnresolvedError, field, message, fix)
}

// warn reports what works, but not as its author meant.
func (c *converter) warn(field, message, fix string) {
	c.report(config.Warning, codes.UnresolvedWarning, field, message, fix)
}

// invalid reports what the API itself refuses, whatever else there is.
func (c *converter) invalid(field, message, fix string) {
	c.report(config.Error, codes.SchemaError, field, message, fix)
}

// questionable reports what the API allows and what has no effect.
func (c *converter) questionable(field, message, fix string) {
	c.report(config.Warning, codes.SchemaWarning, field, message, fix)
}

// ignored reports a part of the API that this mesh does not have.
func (c *converter) ignored(field, message, fix string) {
	c.report(config.Warning, codes.FieldIgnored, field, message, fix)
}

// weightless reports that nothing is sent anywhere for want of weights.
func (c *converter) weightless(field, message, fix string) {
	c.report(config.Warning, codes.WeightsOff, field, message, fix)
}

// missing reports a reference to what is not there. Objects of which kinds could be it, were they known, is said by kinds.
func (c *converter) missing(field, message, fix string, kinds ...config.Kind) {
	c.report(config.Error, codes.ReferenceNotFound, field, message, fix, kinds...)
}

// fault says why an object cannot be used.
type fault struct {
	because string
	// absent is the kind of an object that is not there; zero when it is there and unfit.
	absent config.Kind
}

func noSuch(key config.Key) fault {
	return fault{"there is no " + key.Kind.Name + " " + key.Namespace + "/" + key.Name, key.Kind}
}

// lost reports a reference to what cannot be used, and what comes of it.
func (c *converter) lost(field string, why fault, consequence, fix string) {
	if why.absent == (config.Kind{}) {
		c.fail(field, why.because+consequence, fix)
		return
	}
	c.missing(field, why.because+consequence, fix, why.absent)
}
