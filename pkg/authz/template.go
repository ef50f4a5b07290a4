package authz

import (
	"regexp"
	"strings"

	"github.com/meshctl/meshctl/pkg/authz/rules"
)

// pathTemplate is the regular expression of a path template, see Envoy's UriTemplateMatchConfig: operators take the characters that
// a path may have (RFC 3986, pchar).
func pathTemplate(template string) string {
	const characters = `a-zA-Z0-9\-._~%!$&'()*+,;:@=`
	segments := strings.Split(template, "/")
	for i, segment := range segments {
		switch segment {
		case rules.OneSegment:
			segments[i] = "[" + characters + "]+"
		case rules.AnySegments:
			segments[i] = "[" + characters + "/]*"
		default:
			segments[i] = regexp.QuoteMeta(segment)
		}
	}
	return strings.Join(segments, "/")
}
