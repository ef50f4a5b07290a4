module github.com/meshctl/meshctl/test/cluster/mods/pod

go 1.26.0
