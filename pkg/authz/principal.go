package authz

import (
	"regexp"
	"strings"
)

const spiffe = "spiffe://"

// namespaceTest matches the namespace of the peer's identity; an asterisk anywhere stands for any characters.
func namespaceTest(value string) test {
	parts := strings.Split(value, "*")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return expressionTest("spiffe://.+/ns/"+strings.Join(parts, ".*")+"/.*", peerOf)
}

// accountTest matches "NAMESPACE/ACCOUNT". Identities may say more about the account, as Istio allows.
func accountTest(value string) test {
	namespace, account, _ := strings.Cut(value, "/")
	return expressionTest("spiffe://.+/ns/"+regexp.QuoteMeta(namespace)+"/(.+/|)sa/"+regexp.QuoteMeta(account)+"(/.+)?", peerOf)
}

func peerOf(f *facts) string { return f.Peer }

// trustDomain returns the trust domain of a SPIFFE id.
func trustDomain(id string) (string, bool) {
	rest, ok := strings.CutPrefix(id, spiffe)
	domain, _, cut := strings.Cut(rest, "/")
	return domain, ok && cut
}

// identityPart returns what follows "/NAME/" in a SPIFFE id.
func identityPart(id, name string) (string, bool) {
	_, rest, ok := strings.Cut(id, "/"+name+"/")
	part, _, _ := strings.Cut(rest, "/")
	return part, ok && part != ""
}

func accountOf(id string) (string, bool) {
	namespace, ok1 := identityPart(id, "ns")
	account, ok2 := identityPart(id, "sa")
	return namespace + "/" + account, ok1 && ok2
}
