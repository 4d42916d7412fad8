#!/bin/sh
# Install what the installer needs, run it for the toolkit alone, drop what compiles nothing.
set -eu
umask 022
cd /coldforge/in/debs
dpkg --unpack ./*.deb
dpkg --configure --pending
test -z "$(dpkg --audit)"

cuda=/usr/local/cuda-12.2
sh /coldforge/in/carried/cuda --silent --override --no-man-page --no-drm \
    --toolkit --toolkitpath="$cuda" --tmpdir=/tmp
rm -rf "$cuda"/nsight* "$cuda"/libnvvp "$cuda"/doc "$cuda"/gds* "$cuda"/extras/demo_suite \
    "$cuda"/bin/cuda-uninstaller "$cuda"/.uninstall_manifest_do_not_delete.txt \
    /var/log/nvidia /var/log/cuda-installer.log
# Its own file in /etc/ld.so.conf.d is named by the installer's version; this one is named by us.
rm -f /etc/ld.so.conf.d/cuda-12-2.conf /etc/ld.so.conf.d/988_cuda-12.conf
ln -sfn cuda-12.2 /usr/local/cuda
echo /usr/local/cuda-12.2/lib64 >/etc/ld.so.conf.d/cuda.conf
